/* The attribute of a parameter, which only PHP's headers know how to add. */

#include "php.h"
#include "zend_attributes.h"

void fastapi_websocket_mark_sensitive(zend_function *method, uint32_t index)
{
#if PHP_VERSION_ID >= 80200
	zend_add_parameter_attribute(method, index, ZSTR_KNOWN(ZEND_STR_SENSITIVEPARAMETER), 0);
#else
	(void) method;
	(void) index;
#endif
}
