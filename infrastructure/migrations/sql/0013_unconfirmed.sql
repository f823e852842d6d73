-- Who maintains a lift by nobody's word but his own; it narrows what the indexes of maintainers find, and needs none.
ALTER TABLE view_lifts ADD COLUMN unconfirmed text[] COLLATE "C";
