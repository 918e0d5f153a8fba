<?php
// Serves the modules of packages/client as fastapi-client/*.js, for the pages of these examples. Your web server serves them as
// files, or your bundler has them.

declare(strict_types=1);

/** Answers a request for a module. False: the path names none. */
function serveClientFile(string $path): bool
{
    if (!preg_match('#/fastapi-client/([a-z-]+\.js)$#D', $path, $match)) {
        return false;
    }
    // The Debian package has them beside the examples.
    foreach ([__DIR__ . '/fastapi-client', __DIR__ . '/../packages/client/src'] as $directory) {
        if (is_file("$directory/$match[1]")) {
            header('Cache-Control: no-store');
            header('Content-Type: text/javascript');
            readfile("$directory/$match[1]");

            return true;
        }
    }

    return false;
}
