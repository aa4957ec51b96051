import { call, changePath, eventPath, problemOf, tag, type CalEvent, type Scope } from './api'
import { store } from './store.svelte'

/** Deletes it, or takes it from one's own calendar; brings it back by the toast. Of one time of a series, those times. */
export async function removeEvent(one: CalEvent, scope: Scope = 'all'): Promise<boolean> {
  const whole = store.mayDelete(one)
  try {
    await call('DELETE', changePath(one, scope), undefined, { 'If-Match': tag(one) })
    if (one.recurrence_id && scope !== 'all') {
      await store.refresh([one.id])
      const undo = { label: 'Undo', run: () => void restore(one.id, one.version) }
      store.toast(scope === 'this' ? 'That time was taken out' : 'It ends before that time now', { action: undo })
      return true
    }
    store.drop(one.id)
    const undo = { label: 'Undo', run: () => void restore(one.id) }
    store.toast(whole ? `“${one.title}” was deleted` : `“${one.title}” was taken from your calendar`, whole ? { action: undo } : {})
    return true
  } catch (why) {
    store.refused(why, problemOf(why).code === 'busy' ? 'Cannot be deleted now' : 'It was not deleted')
    await store.refresh([one.id]).catch(() => {})
    return false
  }
}

/** An earlier version, or a deleted event. */
export async function restore(id: string, version?: number): Promise<boolean> {
  try {
    const made = await call<CalEvent>('POST', eventPath(id, 'restore'), version === undefined ? {} : { version })
    store.put(made)
    await store.refresh([id])
    store.toast(version === undefined ? `“${made.title}” is back` : `Version ${version} is the newest again`)
    return true
  } catch (why) {
    store.refused(why, 'It was not brought back')
    return false
  }
}
