# What the modules become:
#   dormouse_core       internal, static: core/ alone, for tests that must not need libuv
#   dormouse_internal   internal, static: everything, with its internal symbols in reach of the tests
#   libdormouse.so      what users link: only DOR_API symbols are exported, wolfCrypt is inside and hidden
#   libdormouse.a       the same as one relocatable object, so that a program may hold another wolfSSL beside it

set(compressors PkgConfig::ZLIB PkgConfig::BROTLIENC PkgConfig::BROTLIDEC)
set(core_modules dor_base dor_crypto dor_x509 dor_record dor_tls dor_packet dor_proxy)
set(all_modules ${core_modules} dor_runtime dor_ssl dor_api)
foreach(module IN LISTS core_modules)
    list(APPEND core_objects $<TARGET_OBJECTS:${module}>)
endforeach()
foreach(module IN LISTS all_modules)
    list(APPEND all_objects $<TARGET_OBJECTS:${module}>)
endforeach()

add_library(dormouse_core STATIC ${core_objects})
target_include_directories(dormouse_core INTERFACE "${DORMOUSE_CORE}" "${DORMOUSE_PUBLIC}")
target_link_libraries(dormouse_core PUBLIC wolfcrypt PRIVATE dormouse_flags)

add_library(dormouse_internal STATIC ${all_objects})
target_include_directories(dormouse_internal INTERFACE
    "${DORMOUSE_CORE}" "${DORMOUSE_ACTORS}" "${DORMOUSE_API}" "${DORMOUSE_PUBLIC}")
target_compile_definitions(dormouse_internal INTERFACE _GNU_SOURCE)
target_link_libraries(dormouse_internal
    PUBLIC wolfcrypt PkgConfig::UV PkgConfig::JANSSON ${compressors} Threads::Threads m PRIVATE dormouse_flags)

# --- the shared library ------------------------------------------------------------------------------------------

set(exports "${CMAKE_BINARY_DIR}/dormouse.map")
file(CONFIGURE OUTPUT "${exports}" CONTENT "DORMOUSE_${PROJECT_VERSION_MAJOR} {\n    global: dor_*;\n    local: *;\n};\n")
add_library(dormouse_shared SHARED ${all_objects})
set_target_properties(dormouse_shared PROPERTIES
    OUTPUT_NAME dormouse EXPORT_NAME dormouse
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
    LINK_DEPENDS "${exports}")
target_include_directories(dormouse_shared INTERFACE
    $<BUILD_INTERFACE:${DORMOUSE_PUBLIC}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(dormouse_shared PRIVATE
    dormouse_flags wolfcrypt PkgConfig::UV PkgConfig::JANSSON ${compressors} Threads::Threads m)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    target_link_options(dormouse_shared PRIVATE
        "-Wl,--version-script=${exports}" -Wl,--exclude-libs,ALL -Wl,--gc-sections $<$<NOT:$<BOOL:${SANITIZE}>>:-Wl,-z,defs>)
endif()

# --- the static library ------------------------------------------------------------------------------------------

set(archive "${CMAKE_BINARY_DIR}/libdormouse.a")
add_custom_command(OUTPUT "${archive}"
    COMMAND "${CMAKE_COMMAND}" -E env "LD=${CMAKE_LINKER}" "OBJCOPY=${CMAKE_OBJCOPY}" "AR=${CMAKE_AR}"
        "${CMAKE_SOURCE_DIR}/.setup/cmake/merge-archive" "${archive}" "${CMAKE_BINARY_DIR}/merged.o"
        "${wolfcrypt_archive}" "${all_objects}"
    DEPENDS ${all_objects} ${wolfcrypt_archive} "${CMAKE_SOURCE_DIR}/.setup/cmake/merge-archive"
    COMMENT "Merging libdormouse.a" VERBATIM COMMAND_EXPAND_LISTS)
add_custom_target(dormouse_merge ALL DEPENDS "${archive}")
add_library(dormouse_static INTERFACE)
add_dependencies(dormouse_static dormouse_merge)
target_include_directories(dormouse_static INTERFACE "${DORMOUSE_PUBLIC}")
target_link_libraries(dormouse_static INTERFACE
    "${archive}" PkgConfig::UV PkgConfig::JANSSON ${compressors} Threads::Threads m)
if(NOT wolfcrypt_archive)
    target_link_libraries(dormouse_static INTERFACE wolfcrypt)
endif()
