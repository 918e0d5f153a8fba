/* The one thing that fiber.rs needs of the engine's struct of a Fiber, whose layout only PHP's headers know. */

#include "php.h"
#include "zend_fibers.h"

/* Notes in which frame a Fiber was left. Fiber::suspend() does so, a switch of contexts does not, and ReflectionFiber would
 * follow a frame that is gone. */
void fastapi_websocket_note_frame(zend_fiber *fiber, zend_execute_data *frame)
{
	fiber->execute_data = frame;
}
