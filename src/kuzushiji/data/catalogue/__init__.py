"""The data sets that have a name: what each is, how it is fetched and verified."""
