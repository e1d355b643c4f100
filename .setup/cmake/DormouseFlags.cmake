# Compiler flags. dormouse_flags is linked privately by everything of ours that is compiled.

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g") # asserts stay in
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")

add_library(dormouse_flags INTERFACE)
target_compile_options(dormouse_flags INTERFACE -Wall -Wextra -Wshadow)
if(DORMOUSE_WERROR)
    target_compile_options(dormouse_flags INTERFACE -Werror)
endif()

# The stricter half, for the library itself. Tests go without it.
add_library(dormouse_strict INTERFACE)
target_compile_options(dormouse_strict INTERFACE
    -Wconversion -Wcast-qual -Wwrite-strings -Wvla
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>)

if(SANITIZE STREQUAL "address")
    set(sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
elseif(SANITIZE STREQUAL "thread")
    set(sanitizers -fsanitize=thread -fno-omit-frame-pointer)
elseif(NOT SANITIZE STREQUAL "")
    message(FATAL_ERROR "SANITIZE=${SANITIZE} is neither address nor thread")
endif()

if(DORMOUSE_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "DORMOUSE_FUZZ needs Clang: configure with CC=clang")
    endif()
    target_compile_options(dormouse_flags INTERFACE -fsanitize=fuzzer-no-link)
    target_link_options(dormouse_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(DORMOUSE_MEMCHECK)
    if(SANITIZE)
        message(FATAL_ERROR "DORMOUSE_MEMCHECK and SANITIZE do not go together")
    endif()
    target_compile_definitions(dormouse_flags INTERFACE DOR_PLAIN_MALLOC) # no pools: each block's life is seen
endif()

if(SANITIZE)
    target_compile_options(dormouse_flags INTERFACE ${sanitizers})
    target_link_options(dormouse_flags INTERFACE ${sanitizers})
else()
    target_compile_options(dormouse_flags INTERFACE -fstack-protector-strong)
    if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug") # it needs optimisation
        target_compile_options(dormouse_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
    endif()
    if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
        target_link_options(dormouse_flags INTERFACE -Wl,-z,relro -Wl,-z,now)
    endif()
endif()
