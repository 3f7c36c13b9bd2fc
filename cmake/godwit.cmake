# One static library a folder, that links only what the folder may use (docs/design.md).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

add_library(godwit_flags INTERFACE)
target_include_directories(godwit_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(godwit_flags INTERFACE _GNU_SOURCE
	GODWIT_VERSION="${PROJECT_VERSION}")
target_compile_options(godwit_flags INTERFACE
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla
	-Wswitch -Wwrite-strings -Wundef -Werror -fno-strict-aliasing
	-fstack-protector-strong -fno-omit-frame-pointer)
target_link_libraries(godwit_flags INTERFACE Threads::Threads)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
	target_compile_options(godwit_flags INTERFACE -g -D_FORTIFY_SOURCE=2)
	target_link_options(godwit_flags INTERFACE -Wl,-z,relro,-z,now)
endif()
if(GODWIT_SANITIZE)
	# GCC sees uninitialised reads that are none once it has put its checks in.
	target_compile_options(godwit_flags INTERFACE -fsanitize=${GODWIT_SANITIZE}
		-fno-sanitize-recover=all $<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
	target_link_options(godwit_flags INTERFACE -fsanitize=${GODWIT_SANITIZE})
endif()
if(GODWIT_FUZZ)
	target_compile_options(godwit_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# godwit_library(base SOURCES a.c b.c USES format store PACKAGES openssl PRIVATE_LIBS crypt)
# USES: folders of ours. PACKAGES: pkg-config names. LIBS: plain -l names.
function(godwit_library folder)
	cmake_parse_arguments(A "" "" "SOURCES;USES;PACKAGES;LIBS" ${ARGN})
	set(target godwit_${folder})
	add_library(${target} STATIC ${A_SOURCES})
	target_link_libraries(${target} PUBLIC godwit_flags)
	foreach(use ${A_USES})
		target_link_libraries(${target} PUBLIC godwit_${use})
	endforeach()
	foreach(package ${A_PACKAGES})
		string(MAKE_C_IDENTIFIER ${package} id)
		if(NOT TARGET PkgConfig::pc_${id})
			pkg_check_modules(pc_${id} REQUIRED IMPORTED_TARGET GLOBAL ${package})
		endif()
		# The headers are private: each foreign library has one home.
		target_link_libraries(${target} PRIVATE PkgConfig::pc_${id})
	endforeach()
	target_link_libraries(${target} PRIVATE ${A_LIBS})
endfunction()

# godwit_unit_test(test_buf USES base [SOURCES extra.c] [LABELS ...]): tests/unit/test_buf.c
function(godwit_unit_test name)
	cmake_parse_arguments(A "" "" "SOURCES;USES;LIBS;LABELS" ${ARGN})
	add_executable(${name} ${CMAKE_SOURCE_DIR}/tests/unit/${name}.c ${A_SOURCES})
	foreach(use ${A_USES})
		target_link_libraries(${name} PRIVATE godwit_${use})
	endforeach()
	target_link_libraries(${name} PRIVATE godwit_flags cmocka ${A_LIBS})
	add_test(NAME unit.${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
	set_tests_properties(unit.${name} PROPERTIES TIMEOUT 120 LABELS "unit;${A_LABELS}")
endfunction()

# godwit_fuzz(fuzz_wbxml USES format): tests/fuzz/fuzz_wbxml.c with LLVMFuzzerTestOneInput.
# With GODWIT_FUZZ a libFuzzer program; otherwise a program that replays
# tests/fuzz/regression/<name>/* and tests/data seeds, run by ctest.
function(godwit_fuzz name)
	cmake_parse_arguments(A "" "" "SOURCES;USES" ${ARGN})
	add_executable(${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/${name}.c ${A_SOURCES})
	foreach(use ${A_USES})
		target_link_libraries(${name} PRIVATE godwit_${use})
	endforeach()
	target_link_libraries(${name} PRIVATE godwit_flags)
	if(GODWIT_FUZZ)
		target_link_options(${name} PRIVATE -fsanitize=fuzzer)
	else()
		target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_replay.c)
		add_test(NAME fuzz.${name}
			COMMAND ${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/regression/${name})
		set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT 120 LABELS "fuzz")
	endif()
endfunction()
