"""Files -> arrays: IDX, npz, tar, folders, zips, and what was decoded of them, kept."""
