/** What a run has to say, as parts that Markdown and HTML show alike. */

import type { Millis } from '../core/ports.ts'

export type Tone = 'good' | 'bad' | 'open'

/** A text, or a text with a link that we have made. */
export type Cell = string | { readonly text: string; readonly href: string }

export interface Table {
  readonly kind: 'table'
  readonly title: string
  /** Empty: a table of facts, each row a label and its value. */
  readonly head: readonly string[]
  /** Those that matter most first: whoever has little room shows the first ones. */
  readonly rows: readonly (readonly Cell[])[]
}

/** How many of a whole are what. */
export interface Share {
  readonly label: string
  readonly count: number
  readonly tone: Tone
}

export interface Span {
  readonly section: string
  readonly name: string
  readonly from: Millis
  /** null: a moment. */
  readonly to: Millis | null
  readonly tone: Tone
}

export type Part =
  | { readonly kind: 'problem'; readonly code: string; readonly lines: readonly string[] }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'bar'; readonly title: string; readonly shares: readonly Share[] }
  | { readonly kind: 'timeline'; readonly title: string; readonly spans: readonly Span[] }
  | Table

export interface Page {
  readonly headline: string
  readonly tone: Tone
  readonly parts: readonly Part[]
}
