/* The two parts of a layer, see layers.c: output buffers and error handlers. */

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
	/* Set by a function of the engine while it runs: errors become exceptions. */
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

/* A fatal error has ended the callback of a buffer. The content of the buffer, with the error's text in it, is to be sent without
 * another call of the callback: the engine itself would drop all output. */
void fastapi_websocket_give_up_callback(php_output_handler *buffer);

/* Remembers the script's error handlers as the base, if they are others than before. They are in force. */
void fastapi_websocket_note_base_errors(void);

/* Whether the error handlers in force are those of the base. */
bool fastapi_websocket_has_base_errors(void);

/* Takes a handler's own out of force. The base comes into force. */
void fastapi_websocket_take_errors(error_state *into);

/* Brings a handler's own into force. The base is in force. */
void fastapi_websocket_put_errors(const error_state *from);

/* Releases former bases, which could not be released in a switch. May run destructors. */
void fastapi_websocket_layers_release_deferred(void);

/* The end of a request: there is no base any more. */
void fastapi_websocket_forget_base_errors(void);

/* Releases, and may run destructors where these are the last references. */
void fastapi_websocket_free_errors(error_state *errors);

#endif
