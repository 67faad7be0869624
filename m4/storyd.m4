# STORYD_NEED_MODULE(PREFIX, MODULES, DEBIAN PACKAGE)
# Looks for pkg-config modules and adds their flags to DEPS_CFLAGS and DEPS_LIBS; what is missing is collected, so that
# one run of configure names all of it.
AC_DEFUN([STORYD_NEED_MODULE], [
  PKG_CHECK_MODULES([$1], [$2],
    [DEPS_CFLAGS="$DEPS_CFLAGS $[]$1[]_CFLAGS"
     DEPS_LIBS="$DEPS_LIBS $[]$1[]_LIBS"],
    [storyd_missing="$storyd_missing
  $2 (Debian package $3)"])
])
