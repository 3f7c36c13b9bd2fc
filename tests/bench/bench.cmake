# Programs that measure; built with the tests, run by hand or by tests/bench/push.
set(bench ${CMAKE_SOURCE_DIR}/tests/bench)

find_package(OpenSSL REQUIRED)
add_executable(bench_push ${bench}/bench_push.c ${bench}/bench_probe.c ${bench}/bench_hands.c
	${bench}/load_loop.c ${bench}/load_conn.c ${bench}/load_http.c ${bench}/load_h2.c
	${bench}/load_phone.c ${bench}/load_desktop.c ${bench}/load_sender.c
	${bench}/load_crowd.c ${bench}/load_mail.c)
target_link_libraries(bench_push PRIVATE godwit_format godwit_base OpenSSL::SSL OpenSSL::Crypto)
godwit_unit_test(test_load_h2 SOURCES ${bench}/load_h2.c USES base LIBS PkgConfig::pc_libnghttp2)

include(${bench}/store.cmake OPTIONAL)
