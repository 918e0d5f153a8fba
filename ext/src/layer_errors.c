/* The error handlers and exception handlers of layers: those of the script, which are the base of all others, and those that a
 * handler has set. They are compared, copied, brought into force, taken out of force and released. */

#include "layers.h"

/* The base: the script's error handlers as they were when it was left last, with references of their own. Handlers without a
 * change have the same in force. */
ZEND_TLS error_state base;
/* Former bases. Their release may run PHP code, so it waits for a moment when that can run. */
ZEND_TLS error_state *former_bases;

static bool is_same_value(const zval *one, const zval *other)
{
	return Z_TYPE_INFO_P(one) == Z_TYPE_INFO_P(other) && (Z_ISUNDEF_P(one) || Z_PTR_P(one) == Z_PTR_P(other));
}

static bool are_same_values(const zend_stack *one, const zend_stack *other)
{
	if (one->top != other->top) {
		return false;
	}
	for (int i = 0; i < one->top; i++) {
		if (!is_same_value((zval *) one->elements + i, (zval *) other->elements + i)) {
			return false;
		}
	}
	return true;
}

bool fastapi_websocket_has_base_errors(void)
{
	return is_same_value(&EG(user_error_handler), &base.error_handler)
		&& is_same_value(&EG(user_exception_handler), &base.exception_handler)
		&& (Z_ISUNDEF(base.error_handler) || EG(user_error_handler_error_reporting) == base.error_levels)
		&& EG(error_handling) == base.handling
		&& EG(exception_class) == base.exception_class
		&& are_same_values(&EG(user_error_handlers), &base.error_handlers)
		&& are_same_values(&EG(user_exception_handlers), &base.exception_handlers)
		&& EG(user_error_handlers_error_reporting).top == base.error_handlers_levels.top
		&& (base.error_handlers_levels.top == 0
			|| memcmp(EG(user_error_handlers_error_reporting).elements, base.error_handlers_levels.elements,
				base.error_handlers_levels.top * sizeof(int)) == 0);
}

static void move_out(error_state *into)
{
	into->error_handler = EG(user_error_handler);
	into->exception_handler = EG(user_exception_handler);
	into->error_levels = EG(user_error_handler_error_reporting);
	into->error_handlers = EG(user_error_handlers);
	into->error_handlers_levels = EG(user_error_handlers_error_reporting);
	into->exception_handlers = EG(user_exception_handlers);
	into->handling = EG(error_handling);
	into->exception_class = EG(exception_class);
}

static void move_in(const error_state *from)
{
	EG(user_error_handler) = from->error_handler;
	EG(user_exception_handler) = from->exception_handler;
	EG(user_error_handler_error_reporting) = from->error_levels;
	EG(user_error_handlers) = from->error_handlers;
	EG(user_error_handlers_error_reporting) = from->error_handlers_levels;
	EG(user_exception_handlers) = from->exception_handlers;
	EG(error_handling) = from->handling;
	EG(exception_class) = from->exception_class;
}

static void copy_stack(zend_stack *to, const zend_stack *from, int size, bool has_values)
{
	zend_stack_init(to, size);
	for (int i = 0; i < from->top; i++) {
		const char *element = (const char *) from->elements + i * size;
		zend_stack_push(to, element);
		if (has_values) {
			Z_TRY_ADDREF_P((zval *) element);
		}
	}
}

static void copy_errors(error_state *to, const error_state *from)
{
	*to = *from;
	to->next = NULL;
	copy_stack(&to->error_handlers, &from->error_handlers, sizeof(zval), true);
	copy_stack(&to->error_handlers_levels, &from->error_handlers_levels, sizeof(int), false);
	copy_stack(&to->exception_handlers, &from->exception_handlers, sizeof(zval), true);
	Z_TRY_ADDREF(to->error_handler);
	Z_TRY_ADDREF(to->exception_handler);
}

static void free_values(zend_stack *values)
{
	zval *value;
	while ((value = zend_stack_top(values))) {
		zval freed = *value;
		zend_stack_del_top(values);
		zval_ptr_dtor(&freed);
	}
	zend_stack_destroy(values);
}

void fastapi_websocket_free_errors(error_state *errors)
{
	zval error_handler = errors->error_handler, exception_handler = errors->exception_handler;
	ZVAL_UNDEF(&errors->error_handler);
	ZVAL_UNDEF(&errors->exception_handler);
	free_values(&errors->error_handlers);
	free_values(&errors->exception_handlers);
	zend_stack_destroy(&errors->error_handlers_levels);
	zval_ptr_dtor(&error_handler);
	zval_ptr_dtor(&exception_handler);
}

void fastapi_websocket_note_base_errors(void)
{
	if (fastapi_websocket_has_base_errors()) {
		return;
	}
	error_state live, *former = pemalloc(sizeof(*former), 1);
	move_out(&live);
	*former = base;
	former->next = former_bases;
	former_bases = former;
	copy_errors(&base, &live);
}

void fastapi_websocket_take_errors(error_state *into)
{
	error_state copy;
	copy_errors(&copy, &base);
	move_out(into);
	move_in(&copy);
}

void fastapi_websocket_put_errors(const error_state *from)
{
	error_state copy;
	move_out(&copy);
	move_in(from);
	/* The base has references of its own, so no value ends here. */
	fastapi_websocket_free_errors(&copy);
}

void fastapi_websocket_layers_release_deferred(void)
{
	error_state *former;
	while ((former = former_bases)) {
		former_bases = former->next;
		fastapi_websocket_free_errors(former);
		pefree(former, 1);
	}
}

void fastapi_websocket_forget_base_errors(void)
{
	error_state former = base;
	memset(&base, 0, sizeof(base));
	fastapi_websocket_free_errors(&former);
	fastapi_websocket_layers_release_deferred();
}
