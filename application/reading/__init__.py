"""What may be asked of the ledger: each answer at one position of the log, within the rights of whoever asks."""
