# Tests of the I/O half of base/.
set(test_cert ${CMAKE_SOURCE_DIR}/tests/fake/test_cert.c)
godwit_unit_test(test_loop USES base LABELS thread)
godwit_unit_test(test_job USES base LABELS thread)
