# Headers, both libraries, pkg-config and CMake package files. The files find their prefix from where they lie, so that
# an installed tree can be moved and DESTDIR needs no care.
include(CMakePackageConfigHelpers)

install(TARGETS dormouse_shared
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" NAMELINK_COMPONENT development)
install(FILES "${CMAKE_BINARY_DIR}/libdormouse.a" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(DIRECTORY "${DORMOUSE_PUBLIC}/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
if(EXISTS "${CMAKE_SOURCE_DIR}/bindings/cpp/include")
    install(DIRECTORY "${CMAKE_SOURCE_DIR}/bindings/cpp/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.hpp")
endif()
install(FILES "${CMAKE_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY "${CMAKE_BINARY_DIR}/docs/man/" DESTINATION "${CMAKE_INSTALL_MANDIR}" OPTIONAL) # after `make docs`

# What linking libdormouse.a takes beside it.
set(static_requires "libuv >= 1.44, jansson >= 2.10, zlib >= 1.2, libbrotlienc >= 1.0, libbrotlidec >= 1.0")
if(NOT wolfcrypt_archive)
    string(APPEND static_requires ", wolfssl >= 5.7.2")
endif()

set(pkgconfig_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH pkgconfig_up "/x/${pkgconfig_dir}" "/x")
configure_file("${CMAKE_SOURCE_DIR}/.setup/cmake/dormouse.pc.in" "${CMAKE_BINARY_DIR}/dormouse.pc" @ONLY)
install(FILES "${CMAKE_BINARY_DIR}/dormouse.pc" DESTINATION "${pkgconfig_dir}")

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/dormouse")
configure_package_config_file("${CMAKE_SOURCE_DIR}/.setup/cmake/dormouse-config.cmake.in"
    "${CMAKE_BINARY_DIR}/dormouse-config.cmake" INSTALL_DESTINATION "${package_dir}"
    PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file("${CMAKE_BINARY_DIR}/dormouse-config-version.cmake"
    VERSION "${PROJECT_VERSION}" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/dormouse-config.cmake" "${CMAKE_BINARY_DIR}/dormouse-config-version.cmake"
    DESTINATION "${package_dir}")
