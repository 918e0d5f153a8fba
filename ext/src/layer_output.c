/* The output buffers of a layer: brought into force, taken out of it, released. */

#include "layers.h"

bool fastapi_websocket_has_output(const output_state *output)
{
	return output->buffers.top > 0 || output->running;
}

void fastapi_websocket_take_output(output_state *into)
{
	into->buffers = OG(handlers);
	into->active = OG(active);
	into->running = OG(running);
	zend_stack_init(&OG(handlers), sizeof(php_output_handler *));
	OG(active) = NULL;
	OG(running) = NULL;
}

void fastapi_websocket_put_output(output_state *from)
{
	zend_stack_destroy(&OG(handlers));
	OG(handlers) = from->buffers;
	OG(active) = from->active;
	OG(running) = from->running;
	memset(from, 0, sizeof(*from));
}

void fastapi_websocket_swap_output(output_state *with)
{
	output_state before = *with;
	fastapi_websocket_take_output(with);
	fastapi_websocket_put_output(&before);
}

void fastapi_websocket_free_output(output_state *output)
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

static int pass_on(void **opaque, php_output_context *context)
{
	(void) opaque;
	context->out = context->in;
	memset(&context->in, 0, sizeof(context->in));
	return SUCCESS;
}

void fastapi_websocket_give_up_callback(php_output_handler *buffer)
{
	/* Nothing is released: PHP code must not run now, and the memory is that of the request. */
	buffer->flags &= ~PHP_OUTPUT_HANDLER_USER;
	buffer->dtor = NULL;
	buffer->func.internal = pass_on;
}

void fastapi_websocket_push_output(output_state *from)
{
	for (int i = 0; i < from->buffers.top; i++) {
		php_output_handler *buffer = ((php_output_handler **) from->buffers.elements)[i];
		zend_stack_push(&OG(handlers), &buffer);
		buffer->level = OG(handlers).top - 1;
		OG(active) = buffer;
	}
	if (from->running) {
		fastapi_websocket_give_up_callback(from->running);
	}
	zend_stack_destroy(&from->buffers);
	memset(from, 0, sizeof(*from));
}
