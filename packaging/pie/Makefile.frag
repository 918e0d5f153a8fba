# FASTAPI_LIBRARY is the path of an extension that is already built.
FASTAPI_TARGET = $(abspath $(srcdir)/../../target)

$(phplibdir)/fastapi_websocket.so:
	@mkdir -p $(phplibdir)
	@if test -z "$(FASTAPI_LIBRARY)"; then \
	    cd $(srcdir)/../.. && PHP_CONFIG=$(PHP_CONFIG) PHP=`$(PHP_CONFIG) --php-binary` \
	        $(CARGO) build --release --locked -p fastapi_websocket --target-dir $(FASTAPI_TARGET); \
	fi
	cp $(if $(FASTAPI_LIBRARY),$(FASTAPI_LIBRARY),$(FASTAPI_TARGET)/release/libfastapi_websocket.so) $@

.PHONY: $(phplibdir)/fastapi_websocket.so
