/**
 * A zip file that is the same bytes on every machine: entries in the order of their names, of one fixed time, and stored.
 * Compressed ones would differ: Node's zlib takes other instructions, and finds other matches, on other processors.
 * Format: PKWARE APPNOTE.TXT 6.3, sections 4.3 and 4.4.
 */

import { crc32 } from 'node:zlib'

/** 1980-01-01 00:00, the first that the format can say. */
const TIME = 0
const DATE = 0x21
/** 2.0, made on Unix: so that the upper half of the attributes is a Unix mode. */
const VERSION = 20
const MADE_BY = (3 << 8) | VERSION
/** Names are UTF-8. */
const FLAGS = 1 << 11
/** A regular file, -rw-r--r--: Lambda must be able to read it. */
const MODE = 0o100644

/**
 * @param {ReadonlyMap<string, Buffer>} files
 * @returns {Buffer}
 */
export function makeZip(files) {
  const parts = []
  const directory = []
  let offset = 0
  for (const [path, data] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const name = Buffer.from(path)
    // What the local header and the directory have in common.
    const shared = Buffer.alloc(26)
    shared.writeUInt16LE(VERSION, 0)
    shared.writeUInt16LE(FLAGS, 2)
    shared.writeUInt16LE(TIME, 6)
    shared.writeUInt16LE(DATE, 8)
    shared.writeUInt32LE(crc32(data), 10)
    shared.writeUInt32LE(data.length, 14)
    shared.writeUInt32LE(data.length, 18)
    shared.writeUInt16LE(name.length, 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), shared, name, data])
    const central = Buffer.alloc(14)
    central.writeUInt32LE(MODE * 0x10000, 6)
    central.writeUInt32LE(offset, 10)
    const madeBy = Buffer.alloc(2)
    madeBy.writeUInt16LE(MADE_BY)
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02'), madeBy, shared, central, name]))
    parts.push(local)
    offset += local.length
  }
  const listing = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(files.size, 8)
  end.writeUInt16LE(files.size, 10)
  end.writeUInt32LE(listing.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...parts, listing, end])
}
