// The recording in the page: deflated columns of variable-length integers in base64, and JSON tables.

/** The JSON in the script element of that name; null if the page has none. */
function readJson(name) {
  const element = document.getElementById(name);
  return element ? JSON.parse(element.textContent) : null;
}

/** Bytes of a base64 text that holds a zlib stream. */
async function inflate(text) {
  const packed = atob(text.trim());
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Reads columns one after the other: zigzag integers, seven bits a byte, low bits first. */
class ColumnReader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  /** The next `count` integers. */
  read(count) {
    const found = new Float64Array(count);
    const bytes = this.bytes;
    let at = this.at;
    for (let i = 0; i < count; i++) {
      let byte = bytes[at++];
      let value = byte & 127;
      for (let unit = 128; byte > 127; unit *= 128) {
        byte = bytes[at++];
        value += (byte & 127) * unit;
      }
      found[i] = value % 2 ? -(value + 1) / 2 : value / 2;
    }
    this.at = at;
    return found;
  }
}

/** Sums of a column of differences, in place. */
function undelta(values) {
  for (let i = 1; i < values.length; i++) values[i] += values[i - 1];
  return values;
}

/** All columns by name; one that occurs several times becomes a list of them. */
function readColumns(directory, bytes) {
  const reader = new ColumnReader(bytes);
  const found = {};
  for (const [name, count] of directory) {
    const values = reader.read(count);
    if (name.startsWith("series_")) (found[name] ??= []).push(undelta(values));
    else found[name] = values;
  }
  return found;
}
