/* The layers of a process that runs handlers: the output buffers, error handlers and exception handlers of each handler. One
 * layer is in force, which means that it is in the engine's globals; the others are kept here. The engine calls us at every
 * switch between Fibers. There layers are exchanged, in whichever way a handler is continued or left.
 *
 * Layer 0 is that of the script. A handler begins without buffers; what it prints outside of buffers of its own goes where the
 * script's output goes. It begins with the script's error handlers and exception handlers. What it changes is its own.
 *
 * Almost no handler changes any of this. So nothing is stored for a handler before it does, and a switch then costs some
 * comparisons.
 */

#include "layers.h"

#include "SAPI.h"
#include "zend_exceptions.h"
#include "zend_extensions.h"
#include "zend_fibers.h"
#include "zend_observer.h"

#define SCRIPT 0

typedef struct {
	output_state output;
	error_state errors;
	bool has_errors;
} layer;

typedef struct {
	/* The layer that is in force. */
	zend_ulong current;
	/* The script's buffers are in force for a moment, because a handler writes to them; its own are in `script`. */
	bool is_passing;
	/* The script's buffers while a handler's layer is in force. */
	output_state script;
	/* The layers that hold something while they are not in force. */
	HashTable kept;
	bool has_kept;
} layers;

ZEND_TLS layers state;

/* Where a context notes the layer that it was left in. -1: handlers share their buffers. */
static int note = -1;
static size_t (*write_before)(const char *text, size_t length);

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
		fastapi_websocket_note_base_errors();
		if (OG(handlers).top > 0 || OG(running)) {
			fastapi_websocket_take_output(&state.script);
		}
		return;
	}
	bool is_base = fastapi_websocket_has_base_errors(), is_empty = OG(handlers).top == 0 && !OG(running);
	if (is_base && is_empty) {
		return;
	}
	layer *kept = find_or_add(state.current);
	if (!is_base) {
		fastapi_websocket_take_errors(&kept->errors);
		kept->has_errors = true;
	}
	if (!is_empty) {
		fastapi_websocket_take_output(&kept->output);
	}
}

static void enter(zend_ulong id)
{
	state.current = id;
	if (id == SCRIPT) {
		if (fastapi_websocket_has_output(&state.script)) {
			fastapi_websocket_put_output(&state.script);
		}
		/* An error inside of a callback may have turned all output off. */
		OG(flags) |= PHP_OUTPUT_ACTIVATED;
		return;
	}
	layer *kept = find(id);
	if (!kept) {
		return;
	}
	if (fastapi_websocket_has_output(&kept->output)) {
		fastapi_websocket_put_output(&kept->output);
	}
	if (kept->has_errors) {
		fastapi_websocket_put_errors(&kept->errors);
		kept->has_errors = false;
	}
}

/* The output was written to the script's buffers, or a fatal error has ended that. */
static void stop_passing(bool has_failed)
{
	if (!state.is_passing) {
		return;
	}
	if (has_failed && OG(running)) {
		fastapi_websocket_give_up_callback(OG(running));
		OG(running) = NULL;
	}
	state.is_passing = false;
	fastapi_websocket_swap_output(&state.script);
}

/* Leaves the buffers of a layer to the script, which is in force: its end sends them. */
static void merge(zend_ulong id)
{
	layer *kept = find(id);
	if (!kept) {
		return;
	}
	fastapi_websocket_push_output(&kept->output);
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
		/* A callback of a buffer of the script runs, which a handler has to wait for. */
		return;
	}
	if ((next & 1) || !is_called_by(to, from)) {
		zend_ulong id = next >> 1;
		if (id != state.current) {
			leave();
			enter(id);
		}
	}
	/* Otherwise a Fiber of the script is called, like a function: it has the layer of its caller. */
	if ((left & 1) && state.current == SCRIPT && is_failed(from)) {
		merge(left >> 1);
	}
}

/* Replaces the SAPI's function: what handlers print outside of their buffers goes into those of the script. */
static size_t write_output(const char *text, size_t length)
{
	if (state.current == SCRIPT || state.is_passing || !fastapi_websocket_has_output(&state.script)) {
		return write_before(text, length);
	}
	/* A callback does not run while an exception is pending, and the engine would never call it again. */
	zend_object *pending = EG(exception);
	EG(exception) = NULL;
	fastapi_websocket_swap_output(&state.script);
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

/* Called when PHP loads the library. It cannot be undone. */
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
	fastapi_websocket_free_output(&kept->output);
	if (kept->has_errors) {
		fastapi_websocket_free_errors(&kept->errors);
	}
	pefree(kept, 1);
}

/* Whether a handler writes to the script's buffers at this moment, or a callback of such a buffer runs for it. */
bool fastapi_websocket_layers_is_output_busy(void)
{
	return state.is_passing;
}

/* The end of a request: all layers are released. */
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
	fastapi_websocket_forget_base_errors();
}
