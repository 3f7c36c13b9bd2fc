# Tests of the I/O half of base/.
