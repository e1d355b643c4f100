# libuv, jansson, zlib, brotli, Criterion, wolfCrypt: found or explained. Nothing is downloaded here; .setup/ does that.

find_package(Threads REQUIRED)
find_package(PkgConfig)
if(NOT PkgConfig_FOUND)
    message(FATAL_ERROR "pkg-config is missing. Run  .setup/packages  (or install pkg-config).")
endif()

function(dormouse_need prefix package debian group)
    pkg_check_modules(${prefix} IMPORTED_TARGET "${package}")
    if(NOT ${prefix}_FOUND)
        message(FATAL_ERROR "${package} is missing. Run  .setup/packages ${group}  (or install ${debian}).")
    endif()
endfunction()

dormouse_need(UV "libuv>=1.44" libuv1-dev build)
dormouse_need(JANSSON "jansson>=2.10" libjansson-dev build)
dormouse_need(ZLIB "zlib>=1.2" zlib1g-dev build)
dormouse_need(BROTLIENC "libbrotlienc>=1.0" libbrotli-dev build)
dormouse_need(BROTLIDEC "libbrotlidec>=1.0" libbrotli-dev build)
if(DORMOUSE_TESTS)
    dormouse_need(CRITERION "criterion>=2.3" libcriterion-dev test)
endif()

# --- wolfCrypt -------------------------------------------------------------------------------------------------

set(WOLFCRYPT "$ENV{WOLFCRYPT}" CACHE STRING "empty for the one that .setup/wolfcrypt built, or system")
set(wolfcrypt_default "$ENV{DORMOUSE_WOLFCRYPT_PREFIX}")
if(NOT wolfcrypt_default)
    set(wolfcrypt_default "${CMAKE_SOURCE_DIR}/build/wolfcrypt")
endif()
set(DORMOUSE_WOLFCRYPT_PREFIX "${wolfcrypt_default}" CACHE PATH "Where wolfCrypt is")

add_library(wolfcrypt INTERFACE)
if(WOLFCRYPT STREQUAL "system")
    pkg_check_modules(WOLFSSL "wolfssl>=5.7.2")
    if(NOT WOLFSSL_FOUND)
        message(FATAL_ERROR "WOLFCRYPT=system, but pkg-config finds no wolfssl >= 5.7.2. Install libwolfssl-dev, or "
            "leave WOLFCRYPT out and run  .setup/wolfcrypt")
    endif()
    pkg_get_variable(wolfcrypt_include wolfssl includedir)
    target_include_directories(wolfcrypt SYSTEM INTERFACE ${WOLFSSL_INCLUDE_DIRS})
    target_link_libraries(wolfcrypt INTERFACE ${WOLFSSL_LINK_LIBRARIES} m Threads::Threads)
    set(wolfcrypt_archive "")
else()
    set(wolfcrypt_include "${DORMOUSE_WOLFCRYPT_PREFIX}/include")
    set(wolfcrypt_archive "${DORMOUSE_WOLFCRYPT_PREFIX}/lib/libwolfssl.a")
    if(NOT EXISTS "${wolfcrypt_archive}" OR NOT EXISTS "${wolfcrypt_include}/wolfssl/options.h")
        message(FATAL_ERROR "wolfCrypt is not in ${DORMOUSE_WOLFCRYPT_PREFIX}. Run  .setup/wolfcrypt  first.")
    endif()
    target_include_directories(wolfcrypt SYSTEM INTERFACE "${wolfcrypt_include}")
    target_link_libraries(wolfcrypt INTERFACE "${wolfcrypt_archive}" m Threads::Threads)
endif()
# settings.h then reads options.h by itself: no file can see other struct layouts than the library has.
target_compile_definitions(wolfcrypt INTERFACE WOLFSSL_USE_OPTIONS_H)

# What its headers say that it can do, read from one run of the preprocessor.
set(probe "${CMAKE_BINARY_DIR}/wolfcrypt-probe.c")
file(WRITE "${probe}" "#include <wolfssl/options.h>\n#include <wolfssl/version.h>\n#include <wolfssl/wolfcrypt/settings.h>\n")
execute_process(COMMAND "${CMAKE_C_COMPILER}" -dM -E "-I${wolfcrypt_include}" "${probe}"
    OUTPUT_VARIABLE wolfcrypt_macros ERROR_VARIABLE wolfcrypt_problem RESULT_VARIABLE wolfcrypt_status)
if(NOT wolfcrypt_status EQUAL 0)
    message(FATAL_ERROR "wolfCrypt's headers in ${wolfcrypt_include} cannot be used:\n${wolfcrypt_problem}")
endif()
string(REGEX MATCH "LIBWOLFSSL_VERSION_STRING \"([^\"]*)\"" unused "${wolfcrypt_macros}")
set(wolfcrypt_version "${CMAKE_MATCH_1}")
if(wolfcrypt_version VERSION_LESS 5.7.2)
    message(FATAL_ERROR "wolfSSL ${wolfcrypt_version} in ${wolfcrypt_include} is too old: 5.7.2 or newer is needed.")
endif()

# macro | what it is | the flag that turns it on. One of a/b is enough; with a leading ! it must not be defined.
set(wolfcrypt_needs
    "HAVE_AESGCM|AES-GCM|--enable-aesgcm"
    "WOLFSSL_AESGCM_STREAM|AES-GCM in pieces|--enable-aesgcm-stream"
    "HAVE_AESCCM|AES-CCM|--enable-aesccm"
    "HAVE_CHACHA|ChaCha20|--enable-chacha"
    "HAVE_POLY1305|Poly1305|--enable-poly1305"
    "!NO_AES_CBC|AES-CBC|--enable-aescbc"
    "!NO_DES3|Triple DES|--enable-des3"
    "!NO_RC4|RC4|--enable-arc4"
    "!NO_MD5|MD5|--enable-md5"
    "!NO_SHA|SHA-1|--enable-sha"
    "WOLFSSL_SHA224|SHA-224|--enable-sha224"
    "WOLFSSL_SHA384|SHA-384|--enable-sha384"
    "WOLFSSL_SHA512|SHA-512|--enable-sha512"
    "HAVE_HKDF|HKDF|--enable-hkdf"
    "!NO_HMAC|HMAC|--enable-hmac"
    "!NO_DH|Diffie-Hellman|--enable-dh"
    "HAVE_FFDHE_2048|the ffdhe2048 group|CPPFLAGS=-DHAVE_FFDHE_2048"
    "HAVE_ECC|elliptic curves|--enable-ecc"
    "HAVE_ECC384/HAVE_ALL_CURVES|P-384|--enable-sp=yes,4096"
    "HAVE_ECC521/HAVE_ALL_CURVES|P-521|--enable-sp=yes,4096"
    "HAVE_CURVE25519|X25519|--enable-curve25519"
    "HAVE_CURVE448|X448|--enable-curve448"
    "HAVE_ED25519|Ed25519|--enable-ed25519"
    "HAVE_ED448|Ed448|--enable-ed448"
    "!NO_RSA|RSA|--enable-rsa"
    "WC_RSA_PSS|RSA-PSS|--enable-rsapss"
    "WC_RSA_NO_PADDING|raw RSA|CPPFLAGS=-DWC_RSA_NO_PADDING"
    "WC_RSA_BLINDING|RSA blinding|--enable-harden"
    "ECC_TIMING_RESISTANT|constant-time curves|--enable-harden"
    "!NO_DSA|DSA|--enable-dsa"
    "WOLFCRYPT_HAVE_SRP|SRP|--enable-srp"
    "WOLFSSL_KEY_GEN|key generation|--enable-keygen"
    "WOLFSSL_CERT_GEN|certificate generation|--enable-certgen"
    "WOLFSSL_CERT_EXT|certificate extensions|--enable-certext"
    "WOLFSSL_PUBLIC_MP|the big-number functions|CPPFLAGS=-DWOLFSSL_PUBLIC_MP"
    "!NO_PWDBASED|password-based keys|--enable-pwdbased"
    "WOLFSSL_BASE64_ENCODE|Base64 encoding|--enable-base64encode"
    "!SINGLE_THREADED|threads|--disable-singlethreaded")
set(missing "")
foreach(need IN LISTS wolfcrypt_needs)
    string(REPLACE "|" ";" need "${need}")
    list(GET need 0 macro)
    list(GET need 1 what)
    list(GET need 2 flag)
    set(wanted TRUE)
    if(macro MATCHES "^!(.*)")
        set(wanted FALSE)
        set(macro "${CMAKE_MATCH_1}")
    endif()
    string(REPLACE "/" "|" macro "${macro}")
    set(there FALSE)
    if(wolfcrypt_macros MATCHES "#define (${macro})[ \n]")
        set(there TRUE)
    endif()
    if((wanted AND NOT there) OR (there AND NOT wanted))
        string(APPEND missing "\n  ${what}: configure it with ${flag}")
    endif()
endforeach()
if(missing)
    message(FATAL_ERROR "wolfSSL ${wolfcrypt_version} in ${wolfcrypt_include} lacks:${missing}\n"
        "Rebuild it with these flags, or let Dormouse build its own: leave WOLFCRYPT and DORMOUSE_WOLFCRYPT_PREFIX "
        "out and run  .setup/wolfcrypt")
endif()

# Worth a word, not an error.
if(NOT wolfcrypt_macros MATCHES "#define (WOLFSSL_HAVE_MLKEM|WOLFSSL_HAVE_KYBER)[ \n]")
    message(WARNING "wolfSSL ${wolfcrypt_version} has no ML-KEM, so x25519mlkem768 is not offered (--enable-mlkem, >= 5.8).")
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64|AMD64" AND NOT wolfcrypt_macros MATCHES "#define WOLFSSL_AESNI[ \n]")
    message(WARNING "This wolfSSL has no AES-NI (--enable-intelasm): AES-GCM will be some forty times slower.")
endif()
if(NOT wolfcrypt_macros MATCHES "#define WOLFSSL_SP_ASM[ \n]")
    message(WARNING "This wolfSSL has no SP assembly (--enable-sp --enable-sp-asm): handshakes will be slow.")
endif()
message(STATUS "wolfCrypt ${wolfcrypt_version} in ${wolfcrypt_include}")
