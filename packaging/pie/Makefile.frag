# FASTAPI_LIBRARY is the path of an extension that is already built.
FASTAPI_TARGET = $(abspath $(srcdir)/../../target)

# What the library is made of. `make install` must not build it again: it often runs by sudo, whose user has no cargo.
FASTAPI_SOURCES = $(wildcard $(addprefix $(srcdir)/../../,Cargo.toml Cargo.lock $(foreach crate,ext queue server, \
    $(crate)/Cargo.toml $(crate)/build.rs $(crate)/src/*.* $(crate)/src/*/*.* $(crate)/src/*/*/*.*)))

$(phplibdir)/fastapi_websocket.so: $(FASTAPI_SOURCES)
	@mkdir -p $(phplibdir)
	@if test -z "$(FASTAPI_LIBRARY)"; then \
	    cd $(srcdir)/../.. && PHP_CONFIG=$(PHP_CONFIG) PHP=`$(PHP_CONFIG) --php-binary` \
	        $(CARGO) build --release --locked -p fastapi_websocket --target-dir $(FASTAPI_TARGET); \
	fi
	cp $(if $(FASTAPI_LIBRARY),$(FASTAPI_LIBRARY),$(FASTAPI_TARGET)/release/libfastapi_websocket.so) $@
