/** The best few of many scored things, kept as they come; of equal scores the earlier one stands first. */
export class Top<T> {
  readonly items: { score: number; value: T }[] = [];

  constructor(readonly capacity: number) {}

  /** A score must be above this to get in. */
  get threshold(): number {
    return this.items.length < this.capacity
      ? Number.NEGATIVE_INFINITY
      : (this.items[this.items.length - 1] as { score: number }).score;
  }

  get full(): boolean {
    return this.items.length === this.capacity;
  }

  add(score: number, value: T): void {
    if (this.full && !(score > this.threshold)) return;
    let at = this.items.length;
    while (at > 0 && (this.items[at - 1] as { score: number }).score < score) at--;
    this.items.splice(at, 0, { score, value });
    if (this.items.length > this.capacity) this.items.pop();
  }
}
