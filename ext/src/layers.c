/* The layers of a process that runs handlers: what each handler has of output buffers, error handlers and exception handlers.
 * One layer is in force, that is in the engine's globals; the others are kept here. The engine tells of every switch between
 * Fibers, and that is where layers are exchanged: whoever continues a handler, and however it is left.
 *
 * Layer 0 is that of the script. A handler begins without buffers; what it prints outside of buffers of its own goes where the
 * script's output goes. It begins with the script's error handlers and exception handlers. What it changes is its own.
 *
 * Almost no handler changes any of this. So nothing is stored for a handler before it does, and a switch then costs some
 * comparisons.
 */

#include "php.h"
#include "php_output.h"
#include "SAPI.h"
#include "zend_exceptions.h"
#include "zend_extensions.h"
#include "zend_fibers.h"
#include "zend_observer.h"

#define SCRIPT 0

typedef struct {
	zend_stack buffers;
	php_output_handler *active;
	php_output_handler *running;
} output_state;

typedef struct error_state {
	zval error_handler;
	zval exception_handler;
	int error_levels;
	zend_stack error_handlers;
	zend_stack error_handlers_levels;
	zend_stack exception_handlers;
	/* What a function of the engine has set while it runs: errors become exceptions. */
	zend_error_handling_t handling;
	zend_class_entry *exception_class;
	struct error_state *next;
} error_state;

typedef struct {
	output_state output;
	error_state errors;
	bool has_errors;
} layer;

typedef struct {
	/* Whose layer is in force. */
	zend_ulong current;
	/* The script's buffers are in force for a moment, because a handler writes to them; its own are in `script`. */
	bool is_passing;
	/* The script's buffers while a handler's layer is in force. */
	output_state script;
	/* The script's error handlers as they were when it was left last, with references of their own. Handlers without a change
	 * have the same in force. */
	error_state base;
	/* Former bases. Their release may run PHP code, so it waits for a moment when that can run. */
	error_state *former;
	/* The layers that hold something while they are not in force. */
	HashTable kept;
	bool has_kept;
} layers;

ZEND_TLS layers state;

/* Where a context notes the layer that it was left in. -1: handlers share their buffers. */
static int note = -1;
static size_t (*write_before)(const char *text, size_t length);

static bool has_output(const output_state *output)
{
	return output->buffers.top > 0 || output->running;
}

static void take_output(output_state *into)
{
	into->buffers = OG(handlers);
	into->active = OG(active);
	into->running = OG(running);
	zend_stack_init(&OG(handlers), sizeof(php_output_handler *));
	OG(active) = NULL;
	OG(running) = NULL;
}

/* What is in force must be empty. */
static void put_output(output_state *from)
{
	zend_stack_destroy(&OG(handlers));
	OG(handlers) = from->buffers;
	OG(active) = from->active;
	OG(running) = from->running;
	memset(from, 0, sizeof(*from));
}

static void swap_output(output_state *with)
{
	output_state before = *with;
	take_output(with);
	put_output(&before);
}

static void free_output(output_state *output)
{
	php_output_handler **buffer;
	while ((buffer = zend_stack_top(&output->buffers))) {
		php_output_handler *freed = *buffer;
		zend_stack_del_top(&output->buffers);
		/* Its callback is not called. */
		php_output_handler_free(&freed);
	}
	zend_stack_destroy(&output->buffers);
	memset(output, 0, sizeof(*output));
}

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

/* Whether the error handlers in force are those of the script. */
static bool has_base(void)
{
	const error_state *base = &state.base;
	return is_same_value(&EG(user_error_handler), &base->error_handler)
		&& is_same_value(&EG(user_exception_handler), &base->exception_handler)
		&& (Z_ISUNDEF(base->error_handler) || EG(user_error_handler_error_reporting) == base->error_levels)
		&& EG(error_handling) == base->handling
		&& EG(exception_class) == base->exception_class
		&& are_same_values(&EG(user_error_handlers), &base->error_handlers)
		&& are_same_values(&EG(user_exception_handlers), &base->exception_handlers)
		&& EG(user_error_handlers_error_reporting).top == base->error_handlers_levels.top
		&& (base->error_handlers_levels.top == 0
			|| memcmp(EG(user_error_handlers_error_reporting).elements, base->error_handlers_levels.elements,
				base->error_handlers_levels.top * sizeof(int)) == 0);
}

static void take_errors(error_state *into)
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

static void put_errors(const error_state *from)
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

static void free_errors(error_state *errors)
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

/* Remembers the script's error handlers, if they are others than before. */
static void note_base(void)
{
	if (has_base()) {
		return;
	}
	error_state live, *former = pemalloc(sizeof(*former), 1);
	take_errors(&live);
	*former = state.base;
	former->next = state.former;
	state.former = former;
	copy_errors(&state.base, &live);
}

static layer *find(zend_ulong id)
{
	return state.has_kept ? zend_hash_index_find_ptr(&state.kept, id) : NULL;
}

static layer *find_or_add(zend_ulong id)
{
	layer *found = find(id);
	if (found) {
		return found;
	}
	if (!state.has_kept) {
		zend_hash_init(&state.kept, 8, NULL, NULL, 1);
		state.has_kept = true;
	}
	found = pecalloc(1, sizeof(*found), 1);
	zend_hash_index_add_new_ptr(&state.kept, id, found);
	return found;
}

static void leave(void)
{
	if (state.current == SCRIPT) {
		note_base();
		if (OG(handlers).top > 0 || OG(running)) {
			take_output(&state.script);
		}
		return;
	}
	bool is_base = has_base();
	if (is_base && OG(handlers).top == 0 && !OG(running)) {
		return;
	}
	layer *kept = find_or_add(state.current);
	if (!is_base) {
		error_state base;
		copy_errors(&base, &state.base);
		take_errors(&kept->errors);
		kept->has_errors = true;
		put_errors(&base);
	}
	take_output(&kept->output);
}

static void enter(zend_ulong id)
{
	state.current = id;
	if (id == SCRIPT) {
		if (has_output(&state.script)) {
			put_output(&state.script);
		}
		/* An error inside of a callback may have turned all output off. */
		OG(flags) |= PHP_OUTPUT_ACTIVATED;
		return;
	}
	layer *kept = find(id);
	if (!kept) {
		return;
	}
	if (has_output(&kept->output)) {
		put_output(&kept->output);
	}
	if (kept->has_errors) {
		error_state base;
		take_errors(&base);
		put_errors(&kept->errors);
		kept->has_errors = false;
		/* The base has references of its own, so nothing is released for good. */
		free_errors(&base);
	}
}

static int pass_on(void **opaque, php_output_context *context)
{
	(void) opaque;
	context->out = context->in;
	memset(&context->in, 0, sizeof(context->in));
	return SUCCESS;
}

/* A fatal error has ended the callback of a buffer. What is in the buffer, which is also the error's text, shall be sent
 * without another call of it: the engine itself would give up all output. */
static void give_up_callback(php_output_handler *buffer)
{
	/* Nothing is released: PHP code must not run now, and the memory is that of the request. */
	buffer->flags &= ~PHP_OUTPUT_HANDLER_USER;
	buffer->dtor = NULL;
	buffer->func.internal = pass_on;
}

/* The script's buffers have what they shall have, or a fatal error has ended that. */
static void stop_passing(bool has_failed)
{
	if (!state.is_passing) {
		return;
	}
	if (has_failed && OG(running)) {
		give_up_callback(OG(running));
		OG(running) = NULL;
	}
	state.is_passing = false;
	swap_output(&state.script);
}

/* Puts what a layer has of buffers on top of those of the script, which is in force: the end of the script sends them. */
static void merge(zend_ulong id)
{
	layer *kept = find(id);
	if (!kept) {
		return;
	}
	for (int i = 0; i < kept->output.buffers.top; i++) {
		php_output_handler *buffer = ((php_output_handler **) kept->output.buffers.elements)[i];
		zend_stack_push(&OG(handlers), &buffer);
		buffer->level = OG(handlers).top - 1;
		OG(active) = buffer;
	}
	if (kept->output.running) {
		give_up_callback(kept->output.running);
	}
	zend_stack_destroy(&kept->output.buffers);
	memset(&kept->output, 0, sizeof(kept->output));
}

static bool is_called_by(zend_fiber_context *callee, zend_fiber_context *caller)
{
	return callee->kind == zend_ce_fiber && zend_fiber_from_context(callee)->caller == caller;
}

static bool is_failed(zend_fiber_context *context)
{
	return context->status == ZEND_FIBER_STATUS_DEAD && context->kind == zend_ce_fiber
		&& (zend_fiber_from_context(context)->flags & ZEND_FIBER_FLAG_BAILOUT);
}

/* Called by the engine before every switch. The note of a handler's own Fiber is the number of its layer, times two, plus one.
 * Other contexts note the layer that they were left in, times two. */
static void on_switch(zend_fiber_context *from, zend_fiber_context *to)
{
	uintptr_t left = (uintptr_t) from->reserved[note], next = (uintptr_t) to->reserved[note];
	if (!(left & 1)) {
		from->reserved[note] = (void *) (uintptr_t) (state.current << 1);
	}
	if (is_failed(from)) {
		stop_passing(true);
	} else if (state.is_passing) {
		/* A callback of the script's, which a handler has to wait for. */
		return;
	}
	if ((next & 1) || !is_called_by(to, from)) {
		zend_ulong id = next >> 1;
		if (id != state.current) {
			leave();
			enter(id);
		}
	}
	/* Otherwise a Fiber of the script's own is called, like a function: it has the layer of its caller. */
	if ((left & 1) && state.current == SCRIPT && is_failed(from)) {
		merge(left >> 1);
	}
}

/* Takes the place of the SAPI's function: what handlers print outside of their buffers goes into those of the script. */
static size_t write_output(const char *text, size_t length)
{
	if (state.current == SCRIPT || state.is_passing || !has_output(&state.script)) {
		return write_before(text, length);
	}
	/* A callback does not run while an exception is pending, and the engine would never call it again. */
	zend_object *pending = EG(exception);
	EG(exception) = NULL;
	swap_output(&state.script);
	state.is_passing = true;
	php_output_write(text, length);
	stop_passing(false);
	if (pending && EG(exception)) {
		zend_exception_set_previous(EG(exception), pending);
	} else if (pending) {
		EG(exception) = pending;
	}
	return length;
}

/* Called when PHP loads the library. It cannot be taken back. */
void fastapi_websocket_layers_install(void)
{
	note = zend_get_resource_handle("fastapi_websocket");
	if (note < 0) {
		return;
	}
	zend_observer_fiber_switch_register(on_switch);
	write_before = sapi_module.ub_write;
	sapi_module.ub_write = write_output;
}

/* Gives a handler's Fiber that was not started its layer. */
void fastapi_websocket_layer_begin(zend_object *fiber, zend_ulong id)
{
	if (note >= 0) {
		((zend_fiber *) fiber)->context.reserved[note] = (void *) (uintptr_t) (id << 1 | 1);
	}
}

/* Brings a layer into force where no Fiber is left or continued. */
void fastapi_websocket_layer_change(zend_ulong id)
{
	stop_passing(true);
	if (note >= 0 && id != state.current) {
		leave();
		enter(id);
	}
}

/* Whether a layer that is not in force has open buffers, or error handlers of its own. */
bool fastapi_websocket_layer_is_kept(zend_ulong id)
{
	return find(id) != NULL;
}

void fastapi_websocket_layer_merge(zend_ulong id)
{
	merge(id);
}

/* Releases a layer that is not in force, without a call of its callbacks. May run destructors. */
void fastapi_websocket_layer_discard(zend_ulong id)
{
	layer *kept = find(id);
	if (!kept) {
		return;
	}
	zend_hash_index_del(&state.kept, id);
	free_output(&kept->output);
	if (kept->has_errors) {
		free_errors(&kept->errors);
	}
	pefree(kept, 1);
}

/* Releases what could not be released in a switch. May run destructors. */
void fastapi_websocket_layers_tidy(void)
{
	error_state *former;
	while ((former = state.former)) {
		state.former = former->next;
		free_errors(former);
		pefree(former, 1);
	}
}

/* Whether the callback of a buffer of the script's runs for a handler, or one of the script's own buffers is being written to. */
bool fastapi_websocket_layers_are_passing(void)
{
	return state.is_passing;
}

/* The end of a request: nothing is kept. */
void fastapi_websocket_layers_reset(void)
{
	fastapi_websocket_layer_change(SCRIPT);
	while (state.has_kept && zend_hash_num_elements(&state.kept) > 0) {
		HashPosition first;
		zend_ulong id = 0;
		zend_string *name;
		zend_hash_internal_pointer_reset_ex(&state.kept, &first);
		zend_hash_get_current_key_ex(&state.kept, &name, &id, &first);
		fastapi_websocket_layer_discard(id);
	}
	if (state.has_kept) {
		zend_hash_destroy(&state.kept);
		state.has_kept = false;
	}
	error_state base = state.base;
	memset(&state.base, 0, sizeof(state.base));
	free_errors(&base);
	fastapi_websocket_layers_tidy();
}
