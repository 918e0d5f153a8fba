/* A PHP extension for php-tests/threads: in_threads($code, $threads, $requests) runs the code in that many threads at the same
 * time, in each in that many requests one after the other. It has $thread and $request. */

#include "php.h"
#include "php_main.h"
#include "SAPI.h"

#include <pthread.h>

enum { MAX_THREADS = 64 };

/* Of the call of in_threads() that runs; its threads only read it. */
static const char *code;
static zend_long requests;

static void *run(void *number)
{
	ts_resource(0);
	for (zend_long request = 0; request < requests; request++) {
		/* The command line's server API prints no headers. */
		PG(expose_php) = 0;
		PG(auto_globals_jit) = 0;
		if (php_request_startup() != SUCCESS) {
			fprintf(stderr, "no request can be started\n");
			break;
		}
		PG(during_request_startup) = 0;
		SG(headers_sent) = 1;
		SG(request_info).no_headers = 1;
		zend_first_try {
			zend_string *text = zend_strpprintf(0, "$thread = %d; $request = %d; %s", (int) (intptr_t) number, (int) request, code);
			/* An exception that nobody catches is printed. */
			zend_eval_string_ex(ZSTR_VAL(text), NULL, "thread", true);
			zend_string_release(text);
		} zend_end_try();
		php_request_shutdown(NULL);
	}
	ts_free_thread();
	return NULL;
}

ZEND_BEGIN_ARG_INFO_EX(arguments, 0, 0, 3)
	ZEND_ARG_INFO(0, code)
	ZEND_ARG_INFO(0, threads)
	ZEND_ARG_INFO(0, requests)
ZEND_END_ARG_INFO()

static ZEND_FUNCTION(in_threads)
{
	char *text;
	size_t length;
	zend_long count;
	pthread_t threads[MAX_THREADS];

	if (zend_parse_parameters(ZEND_NUM_ARGS(), "sll", &text, &length, &count, &requests) == FAILURE) {
		return;
	}
	code = text;
	count = MIN(count, MAX_THREADS);
	for (zend_long i = 0; i < count; i++) {
		if (pthread_create(&threads[i], NULL, run, (void *) (intptr_t) i) != 0) {
			zend_error_noreturn(E_ERROR, "no thread can be started");
		}
	}
	for (zend_long i = 0; i < count; i++) {
		pthread_join(threads[i], NULL);
	}
}

static const zend_function_entry functions[] = {ZEND_FE(in_threads, arguments) ZEND_FE_END};

zend_module_entry threads_module_entry = {
	STANDARD_MODULE_HEADER, "threads", functions, NULL, NULL, NULL, NULL, NULL, "1", STANDARD_MODULE_PROPERTIES};

ZEND_GET_MODULE(threads)
