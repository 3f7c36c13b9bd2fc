# Unit tests of store/, all on the fixture of a store in a temporary directory.
# Each runs on both engines; those named .pg share a throw-away cluster.
add_library(godwit_store_fixture STATIC ${CMAKE_SOURCE_DIR}/tests/unit/store_fixture.c
	${CMAKE_SOURCE_DIR}/tests/unit/engine_fixture.c
	${CMAKE_SOURCE_DIR}/tests/unit/archive_fixture.c
	${CMAKE_SOURCE_DIR}/tests/unit/pg_proxy.c)
target_link_libraries(godwit_store_fixture PUBLIC godwit_store cmocka)

set(pg_state ${CMAKE_BINARY_DIR}/pg_cluster)
add_test(NAME pg_cluster.start
	COMMAND ${CMAKE_SOURCE_DIR}/tests/pg_cluster.sh start ${pg_state})
add_test(NAME pg_cluster.stop
	COMMAND ${CMAKE_SOURCE_DIR}/tests/pg_cluster.sh stop ${pg_state})
set_tests_properties(pg_cluster.start PROPERTIES TIMEOUT 120 FIXTURES_SETUP pg_cluster)
set_tests_properties(pg_cluster.stop PROPERTIES TIMEOUT 120 FIXTURES_CLEANUP pg_cluster)

function(godwit_store_test_pg name)
	add_test(NAME unit.test_${name}.pg COMMAND test_${name}
		WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
	set_tests_properties(unit.test_${name}.pg PROPERTIES TIMEOUT 120 LABELS "unit"
		FIXTURES_REQUIRED pg_cluster SKIP_RETURN_CODE 77
		ENVIRONMENT "GODWIT_TEST_ENGINE=postgresql;GODWIT_TEST_POSTGRESQL=${CMAKE_BINARY_DIR}/pg_cluster")
endfunction()

foreach(name engine store_tx store_change store_collection store_item store_cursor store_content
		store_directory store_audit store_secret store_checked store_oof store_queue store_node store_deliver store_invite store_search store_thread store_sweep store_failure store_lost
		store_copy backup store_crash store_threads store_plan)
	set(labels "")
	if(name MATCHES "^(engine|store_tx|store_deliver|store_node|store_threads|store_copy)$")
		set(labels LABELS thread)
	endif()
	godwit_unit_test(test_${name} USES store_fixture ${labels})
	godwit_store_test_pg(${name})
endforeach()
# These make many databases.
set_tests_properties(unit.test_store_copy unit.test_store_copy.pg unit.test_backup
	unit.test_backup.pg PROPERTIES TIMEOUT 300)
godwit_unit_test(test_archive USES store)
godwit_fuzz(fuzz_archive USES store)
# What only that engine has to bear.
add_executable(test_engine_pg ${CMAKE_SOURCE_DIR}/tests/unit/test_engine_pg.c)
target_link_libraries(test_engine_pg PRIVATE godwit_store_fixture godwit_flags)
godwit_store_test_pg(engine_pg)
