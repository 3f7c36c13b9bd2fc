# godwit-pim: cards and calendars as the store keeps them, for developers and tests/pim_agree.py.
add_executable(godwit-pim ${CMAKE_SOURCE_DIR}/tools/godwit-pim.c)
target_link_libraries(godwit-pim PRIVATE godwit_format)

if(GODWIT_TESTS)
	# Other people's cards lie outside of this repository; without them the test is skipped.
	find_package(Python3 COMPONENTS Interpreter REQUIRED)
	add_test(NAME agree.pim
		COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/pim_agree.py
			$<TARGET_FILE:godwit-pim>
		WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
	set_tests_properties(agree.pim PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 120
		LABELS "agree")
endif()
