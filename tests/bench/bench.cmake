# Programs that measure; built with the tests, run by hand or by tests/bench/*.py.
set(bench ${CMAKE_SOURCE_DIR}/tests/bench)

add_executable(bench_push ${bench}/bench_push.c ${bench}/load_phone.c ${bench}/load_desktop.c
	${bench}/load_sender.c)
target_link_libraries(bench_push PRIVATE godwit_format godwit_base)

include(${bench}/store.cmake OPTIONAL)
