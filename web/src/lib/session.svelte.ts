import { ask, eventPath, problemOf, stream, type Lock } from './api'

/** An editor session (docs/api.md): as long as its stream is open, nobody else can change the event. */
export class EditorSession {
  open = $state(true)
  private constructor(readonly id: string, readonly lock: Lock, private readonly line: AbortController) {}

  /** Nothing where the network promises no locks. `lost` is told why, when it ends by itself. */
  static async begin(event: string, lost: (why: string) => void): Promise<EditorSession | null> {
    const line = new AbortController()
    let answer: Response
    try {
      answer = await ask('POST', eventPath(event, 'lock'), undefined, {}, line.signal)
    } catch (why) {
      if (problemOf(why).code === 'unsupported') return null
      throw why
    }
    return new Promise((resolve) => {
      let made: EditorSession | null = null
      const over = (why: string) => {
        if (made?.open) lost(why)
        if (made) made.open = false
        else resolve(null)
      }
      stream(answer, (_id, data) => {
        if (!data) return
        const said = JSON.parse(data)
        if (said.session) resolve((made = new EditorSession(said.session, said.lock, line)))
        else if (said.ended) over(said.ended)
      }).then(() => over('the session ended'), () => over('the connection to calboxd broke'))
    })
  }
  end() {
    this.open = false
    this.line.abort()
  }
}
