# bench_store: durable messages a second, and what a change query costs.
add_executable(bench_store ${CMAKE_CURRENT_LIST_DIR}/bench_store.c ${CMAKE_CURRENT_LIST_DIR}/bench_store_mail.c
	${CMAKE_CURRENT_LIST_DIR}/bench_store_changes.c)
target_link_libraries(bench_store PRIVATE godwit_store)
