import { call, eventPath, problemOf, tag, type CalEvent } from './api'
import { store } from './store.svelte'

/** Deletes it, or takes it from one's own calendar; brings it back by the toast. */
export async function removeEvent(one: CalEvent, session = ''): Promise<boolean> {
  const whole = store.mayDelete(one)
  try {
    await call('DELETE', eventPath(one.id), undefined, { 'If-Match': tag(one), ...(session ? { 'Calbox-Lock': session } : {}) })
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
    store.toast(version === undefined ? `“${made.title}” is back` : `Version ${version} is the newest again`)
    return true
  } catch (why) {
    store.refused(why, 'It was not brought back')
    return false
  }
}
