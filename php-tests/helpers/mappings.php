<?php
// Uses up the memory mappings that one process may have (vm.max_map_count), for tests of what happens then. The setting
// is for the whole machine and is not changed.

/** The arguments with which PHP has FFI, or null if it cannot have it, or if so many mappings are too much for the machine. */
function arguments_to_map(): ?string
{
    $php = escapeshellarg(getenv('TEST_PHP_EXECUTABLE') ?: PHP_BINARY) . ' -n ';
    foreach (['', '-d extension=ffi'] as $arguments) {
        exec("$php $arguments -r 'exit(class_exists(\"FFI\") ? 0 : 1);' 2>&1", $output, $code);
        if ($code === 0) {
            return max_mappings() <= 262144 ? $arguments : null;
        }
    }

    return null;
}

function max_mappings(): int
{
    return (int) @file_get_contents('/proc/sys/vm/max_map_count');
}

/** Maps pages until no more than so many further mappings are possible. */
function map_all_but(int $spare): void
{
    static $c = null;
    $c ??= FFI::cdef('
        uintptr_t mmap(uintptr_t address, size_t length, int protection, int flags, int file, long offset);
        int mprotect(uintptr_t address, size_t length, int protection);
    ');
    // The kernel joins neighbours of the same kind, so every other page is made to differ: two mappings each.
    $pairs = intdiv(max_mappings() - count(file('/proc/self/maps')) - $spare, 2);
    $page = 4096;
    $address = $c->mmap(0, 2 * $pairs * $page, 0, 0x22, -1, 0);
    for ($i = 0; $i < $pairs; $i++) {
        if ($c->mprotect($address + 2 * $i * $page, $page, 1) !== 0) {
            throw new Exception("no more than $i pairs of mappings");
        }
    }
}
