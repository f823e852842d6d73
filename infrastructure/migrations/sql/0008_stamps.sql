-- Which time stamp a bundle carries: one that comes later must not change what is made again.
ALTER TABLE evidence_seals
    ADD COLUMN stamped bigint,
    ADD COLUMN authority text COLLATE "C",
    ADD CONSTRAINT evidence_seals_stamp CHECK ((stamped IS NULL) = (authority IS NULL)),
    ADD FOREIGN KEY (stamped, authority) REFERENCES checkpoint_stamps (size, authority);
