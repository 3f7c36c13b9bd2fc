# Unit tests of store/, all on the fixture of a store in a temporary directory.
add_library(godwit_store_fixture STATIC ${CMAKE_SOURCE_DIR}/tests/unit/store_fixture.c)
target_link_libraries(godwit_store_fixture PUBLIC godwit_store cmocka)

foreach(name engine store_tx store_change store_collection store_item store_cursor store_content
		store_directory store_queue store_deliver store_sweep store_failure
		store_crash store_threads store_plan)
	godwit_unit_test(test_${name} USES store_fixture)
endforeach()
