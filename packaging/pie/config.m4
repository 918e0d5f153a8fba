dnl For PIE and phpize: no C here, cargo builds the extension (see Makefile.frag).
PHP_ARG_ENABLE([fastapi_websocket],
  [whether to enable fastapi_websocket],
  [AS_HELP_STRING([--enable-fastapi-websocket], [Enable fastapi_websocket])],
  [yes])

if test "$PHP_FASTAPI_WEBSOCKET" != "no"; then
  AC_PATH_PROG([CARGO], [cargo])
  if test -z "$CARGO" && test -z "$FASTAPI_LIBRARY"; then
    AC_MSG_ERROR([cargo is needed: get Rust from https://rustup.rs])
  fi
  PHP_SUBST([CARGO])
  PHP_SUBST([PHP_CONFIG])
  PHP_ADD_MAKEFILE_FRAGMENT([$abs_srcdir/Makefile.frag], [$abs_srcdir], [$abs_builddir])
  dnl phpize's own makefile builds this name, and make test and make install take it from modules/.
  PHP_MODULES="$PHP_MODULES \$(phplibdir)/fastapi_websocket.so"
  PHP_SUBST([PHP_MODULES])
fi
