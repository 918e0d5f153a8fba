/* Access to the engine's struct of a Fiber for fiber.rs: only PHP's headers have its layout. */

#include "php.h"
#include "zend_fibers.h"

/* THREAD_SAFE comes from the PHP program, ZTS from the headers. */
#if THREAD_SAFE && !defined(ZTS)
#error "PHP is thread-safe and the headers of PHP_CONFIG are of one that is not: set both to the same PHP"
#elif !THREAD_SAFE && defined(ZTS)
#error "the headers of PHP_CONFIG are of a thread-safe PHP, and PHP is not thread-safe: set both to the same PHP"
#endif

/* Notes in which frame a Fiber was left. Fiber::suspend() does so, a switch of contexts does not, and ReflectionFiber would use a
 * frame that does not exist any more. */
void fastapi_websocket_note_frame(zend_fiber *fiber, zend_execute_data *frame)
{
	fiber->execute_data = frame;
}

/* Whether a Fiber has returned, thrown or failed. Its method isTerminated() cannot be called any more when the script has ended
 * with a fatal error. */
bool fastapi_websocket_has_ended(zend_fiber *fiber)
{
	return fiber->context.status == ZEND_FIBER_STATUS_DEAD;
}
