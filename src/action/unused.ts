/** Stands in for packages that `@actions/core` loads for functions that are never called here (see build.mjs). */

function unused(): never {
  throw new Error('this part of @actions/core is not in the bundle')
}

export class HttpClient {
  constructor() {
    unused()
  }
}
export class BearerCredentialHandler extends HttpClient {}
export const getExecOutput = unused
