/** Stands in for undici, which `@actions/http-client` imports for one agent that is never made here (see build.mjs). */

export class ProxyAgent {
  constructor() {
    throw new Error('undici is not part of this bundle')
  }
}
