/** A real image of one small file, with true digests: an index, a manifest, a config and a layer. */

import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'

export interface Blob {
  readonly digest: string
  readonly type: string
  readonly content: Buffer
}

export interface TinyImage {
  readonly index: Blob
  readonly manifest: Blob
  readonly config: Blob
  readonly layer: Blob
}

export function tinyImage(text = 'pulled\n'): TinyImage {
  const tar = tarOf('proof.txt', Buffer.from(text))
  const layer = blob('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(tar))
  const config = json('application/vnd.oci.image.config.v1+json', {
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
    history: [{ created: '2026-01-01T00:00:00Z', created_by: 'ecs-pull-auth' }],
  })
  const manifest = json('application/vnd.oci.image.manifest.v1+json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: descriptor(config),
    layers: [descriptor(layer)],
  })
  const index = json('application/vnd.oci.image.index.v1+json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [{ ...descriptor(manifest), platform: { architecture: 'amd64', os: 'linux' } }],
  })
  return { index, manifest, config, layer }
}

export function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}

function blob(type: string, content: Buffer): Blob {
  return { digest: digestOf(content), type, content }
}

function json(type: string, value: unknown): Blob {
  return blob(type, Buffer.from(JSON.stringify(value)))
}

function descriptor({ type, digest, content }: Blob): { mediaType: string; digest: string; size: number } {
  return { mediaType: type, digest, size: content.length }
}

/** One file as a ustar archive (POSIX.1-1988, section 10.1.1). */
function tarOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512)
  header.write(name, 0)
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124)
  header.write('00000000000\0', 136)
  header.write('        ', 148)
  header.write('0', 156)
  header.write('ustar\0', 257)
  header.write('00', 263)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512)
  return Buffer.concat([header, content, padding, Buffer.alloc(1024)])
}
