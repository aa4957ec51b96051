// Whether those who are to come are busy then, as their own devices tell it.
import { get, type Busy, type CalEvent } from './api'
import { span, timesOf, utc } from './when'

const mostDays = 62, waitMs = 400

/** Asks a moment later, as people are still typing then. Ended by what it returns. */
export function askWhoIsBusy(people: string[], start: Date, end: Date, tell: (answers: Map<string, Busy>) => void): () => void {
  tell(new Map())
  const length = end.getTime() - start.getTime()
  if (!(length > 0 && length <= mostDays * 86_400_000)) return () => {}
  let over = false
  const answers = new Map<string, Busy>()
  const timer = setTimeout(() => {
    for (const name of people) {
      const not: Busy = { name, known: false, why: '', busy: null }
      void get<Busy>(`/v1/freebusy/${encodeURIComponent(name)}?from=${utc(start)}&to=${utc(end)}`).catch(() => not).then((one) => {
        if (over) return
        answers.set(name, one)
        tell(new Map(answers))
      })
    }
  }, waitMs)
  return () => {
    over = true
    clearTimeout(timer)
  }
}

/** "busy 14:00 – 15:00", "free then", "not known if free"; nothing before there is an answer. Of those who take part in the event
 *  already, only what is not its own time. */
export function busyText(one: Busy | undefined, base: CalEvent | null): string {
  if (!one) return ''
  if (!one.known || !one.busy) return 'not known if free'
  const own = base && base.participants.includes(one.name) ? span(base) : null
  const times = one.busy.map((each) => ({ start: new Date(each.start), end: new Date(each.end) }))
    .filter(({ start, end }) => !own || start < own.start || end > own.end)
  const [first] = times
  if (!first) return own ? '' : 'free then'
  const utcs = { start_utc: first.start.toISOString(), end_utc: first.end.toISOString() }
  return `busy ${timesOf({ all_day: false, start: '', end: '', ...utcs })}${times.length > 1 ? ', …' : ''}`
}
