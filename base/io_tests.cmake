# Tests of the I/O half of base/.
set(test_cert ${CMAKE_SOURCE_DIR}/tests/fake/test_cert.c)
godwit_unit_test(test_loop USES base LIBS PkgConfig::pc_libevent LABELS thread)
godwit_unit_test(test_job USES base LABELS thread)
# The rig of these looks at the stream's insides.
godwit_unit_test(test_stream USES base LIBS PkgConfig::pc_libevent PkgConfig::pc_openssl
	LABELS thread)
godwit_unit_test(test_tls USES base SOURCES ${test_cert}
	LIBS PkgConfig::pc_libevent PkgConfig::pc_openssl LABELS thread)
godwit_unit_test(test_tls_record USES base)
godwit_fuzz(fuzz_tls_record USES base)
godwit_unit_test(test_listener USES base LIBS PkgConfig::pc_libevent LABELS thread)
godwit_unit_test(test_dns USES base)
godwit_fuzz(fuzz_dns_wire USES base)
