/* What a layer consists of, see layers.c. */

#ifndef FASTAPI_WEBSOCKET_LAYERS_H
#define FASTAPI_WEBSOCKET_LAYERS_H

#include "php.h"
#include "php_output.h"

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

bool fastapi_websocket_has_output(const output_state *output);

/* Takes out of force what is in force. */
void fastapi_websocket_take_output(output_state *into);

/* Brings into force. What is in force must be empty. */
void fastapi_websocket_put_output(output_state *from);

void fastapi_websocket_swap_output(output_state *with);

/* Puts buffers on top of those in force. */
void fastapi_websocket_push_output(output_state *from);

/* Releases buffers without a call of their callbacks. */
void fastapi_websocket_free_output(output_state *output);

/* A fatal error has ended the callback of a buffer. What is in the buffer, which is also the error's text, shall be sent
 * without another call of it: the engine itself would give up all output. */
void fastapi_websocket_give_up_callback(php_output_handler *buffer);

/* Whether the error handlers in force are these. */
bool fastapi_websocket_has_errors_of(const error_state *errors);

/* Moves out of the engine's globals, which must be filled again. */
void fastapi_websocket_take_errors(error_state *into);

void fastapi_websocket_put_errors(const error_state *from);

/* Makes a copy with references of its own. */
void fastapi_websocket_copy_errors(error_state *to, const error_state *from);

/* Releases, and may run destructors where these are the last references. */
void fastapi_websocket_free_errors(error_state *errors);

#endif
