# godwit-mime: the structure of a message as JSON, for developers and tests/mime_agree.py.
add_executable(godwit-mime ${CMAKE_SOURCE_DIR}/tools/godwit-mime.c)
target_link_libraries(godwit-mime PRIVATE godwit_format)

if(GODWIT_TESTS)
	# Other people's mail lies outside of this repository; without it the test is skipped.
	find_package(Python3 COMPONENTS Interpreter REQUIRED)
	add_test(NAME agree.mime
		COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/mime_agree.py
			$<TARGET_FILE:godwit-mime>
		WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
	set_tests_properties(agree.mime PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 120
		LABELS "agree")
endif()
