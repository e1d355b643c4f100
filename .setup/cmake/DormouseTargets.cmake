# dormouse_module(NAME FOLDER [INCLUDE dirs] [LINK targets]): one module, an object library of every .c file below
# FOLDER (so a new file needs no edit here). A module sees only the include roots named for it.

set(dormouse_empty "${CMAKE_BINARY_DIR}/empty.c") # lets a module exist before its first file
if(NOT EXISTS "${dormouse_empty}")
    file(WRITE "${dormouse_empty}" "typedef int dor__empty;\n")
endif()

set(DORMOUSE_CORE "${CMAKE_SOURCE_DIR}/core")
set(DORMOUSE_ACTORS "${CMAKE_SOURCE_DIR}/actors")
set(DORMOUSE_API "${CMAKE_SOURCE_DIR}/api")
set(DORMOUSE_PUBLIC "${CMAKE_SOURCE_DIR}/api/include")

function(dormouse_module name folder)
    cmake_parse_arguments(arg "" "" "INCLUDE;LINK" ${ARGN})
    get_filename_component(folder "${folder}" ABSOLUTE)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${folder}/*.c")
    if(NOT sources)
        set(sources "${dormouse_empty}")
    endif()
    add_library(${name} OBJECT ${sources})
    target_include_directories(${name} PRIVATE ${arg_INCLUDE})
    target_link_libraries(${name} PRIVATE dormouse_flags dormouse_strict ${arg_LINK})
endfunction()
