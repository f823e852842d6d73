-- From when on a record that went up in another says nothing of the lift, and which records went up in one.
ALTER TABLE view_lifts ADD COLUMN closed_from text COLLATE "C";
CREATE INDEX view_lifts_merged_into ON view_lifts (merged_into, key) WHERE merged_into IS NOT NULL;
