// What our server is expected to do: what was recorded with another server, but for the listed differences.

/** The lines of a scenario as they are expected. Throws if a listed difference does not apply. */
export const expected = (name, recorded, { rules, differences }) => {
    const parts = {};
    for (const [part, lines] of Object.entries(recorded)) parts[part] = lines.map((line) => changed(line, rules));
    for (const difference of differences.filter(({ scenario }) => scenario === name)) {
        const { part, recorded: theirs, ours } = difference;
        const lines = (parts[part] ??= []);
        const at = lines.findIndex((_, start) => theirs.every((line, offset) => lines[start + offset] === line));
        if (theirs.length > 0 && at < 0) {
            throw new Error(
                `${name}: a difference of ${part} is listed whose lines were not recorded: ${theirs.join('\n')}`,
            );
        }
        // What they do not say at all comes at the end.
        lines.splice(theirs.length > 0 ? at : lines.length, theirs.length, ...ours);
        if (lines.length === 0) delete parts[part];
    }
    return parts;
};

/** A line by the rules that hold everywhere. A text must be the whole line. */
const changed = (line, rules) =>
    rules.reduce((line, { recorded, ours }) => {
        if (typeof recorded === 'string') return line === recorded ? ours : line;
        return line.replace(recorded, ours);
    }, line);
