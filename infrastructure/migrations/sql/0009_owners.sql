-- All owners of a house, not the first alone; the projector makes the rows again, since its functions changed.
ALTER TABLE view_houses DROP COLUMN owner, ADD COLUMN owners text[] COLLATE "C";
