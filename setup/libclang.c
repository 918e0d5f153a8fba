/* Tries libclang as bindgen uses it: loads one of the libraries given and parses a header of the compiler's own.
 * Status 0 when one can. A library without its headers ("stddef.h not found") is the usual trouble. */

#include <dlfcn.h>
#include <stdio.h>

struct unsaved_file {
    const char *name;
    const char *content;
    unsigned long length;
};

/* The part of clang-c/Index.h that is called; the header itself is not needed to build, so it need not be there. */
typedef void *(*create_index)(int exclude_declarations, int display_diagnostics);
typedef void *(*parse)(void *index, const char *file, const char *const *args, int arg_count, struct unsaved_file *files,
                       unsigned file_count, unsigned options);
typedef unsigned (*count_diagnostics)(void *unit);
typedef void *(*get_diagnostic)(void *unit, unsigned position);
typedef int (*get_severity)(void *diagnostic);

enum { SEVERITY_ERROR = 3 };

static int can_parse(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return 0;
    create_index index = (create_index)dlsym(library, "clang_createIndex");
    parse parse_unit = (parse)dlsym(library, "clang_parseTranslationUnit");
    count_diagnostics count = (count_diagnostics)dlsym(library, "clang_getNumDiagnostics");
    get_diagnostic diagnostic = (get_diagnostic)dlsym(library, "clang_getDiagnostic");
    get_severity severity = (get_severity)dlsym(library, "clang_getDiagnosticSeverity");
    if (!index || !parse_unit || !count || !diagnostic || !severity)
        return 0;

    static const char source[] = "#include <stddef.h>\n#include <stdio.h>\nsize_t size;\n";
    struct unsaved_file file = {"probe.c", source, sizeof source - 1};
    void *unit = parse_unit(index(0, 0), file.name, NULL, 0, &file, 1, 0);
    if (unit == NULL)
        return 0;
    for (unsigned position = 0; position < count(unit); position++)
        if (severity(diagnostic(unit, position)) >= SEVERITY_ERROR)
            return 0;
    return 1;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (can_parse(argv[i]))
            return 0;
    return 1;
}
