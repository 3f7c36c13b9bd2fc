# Unit tests of activesync/, on commands over a store in a temporary directory.
add_library(godwit_eas_fixture STATIC ${CMAKE_SOURCE_DIR}/tests/unit/eas_fixture.c
	${CMAKE_SOURCE_DIR}/tests/unit/engine_fixture.c)
target_link_libraries(godwit_eas_fixture PUBLIC godwit_activesync cmocka)

foreach(name nodes sync sync_client pim calendar meeting random ping provision quarantine folders query items send settings legacy search found gather kql resolve)
	godwit_unit_test(test_eas_${name} USES eas_fixture)
endforeach()
godwit_unit_test(test_eas_beat USES eas_fixture LABELS thread)
# What the documents say one by one: see docs/activesync-interop.md.
foreach(name options rules flags fields events failure)
	godwit_unit_test(test_eas_${name} USES eas_fixture)
endforeach()

godwit_unit_test(test_eas_strangers USES eas_fixture)

# Cards and calendars that lie beside the repository.
godwit_unit_test(test_eas_corpus USES eas_fixture)
set_tests_properties(unit.test_eas_corpus PROPERTIES SKIP_RETURN_CODE 77)

# OpenSSL is the client there, and the connection's insides are looked at.
godwit_unit_test(test_eas_idle USES eas_fixture SOURCES ${CMAKE_SOURCE_DIR}/tests/fake/test_cert.c
	LIBS PkgConfig::pc_openssl)

godwit_fuzz(fuzz_eas USES activesync)
godwit_unit_test(test_eas_stuck USES eas_fixture)
godwit_unit_test(test_eas_eager USES eas_fixture)
godwit_fuzz(fuzz_kql USES activesync)

# Two phones and the other protocols at random: docs/internals/scenario.md.
set(scenario eas_phone.c eas_phone_edit.c eas_world_others.c eas_world_users.c)
list(TRANSFORM scenario PREPEND ${CMAKE_SOURCE_DIR}/tests/unit/)
godwit_unit_test(test_eas_scenario USES eas_fixture SOURCES ${scenario})
godwit_store_test_pg(eas_scenario)
