import { crc32c, masked } from './crc32c.js';

/** An event of TensorBoard; fields as in `event.proto` of TensorFlow. */
export interface TensorBoardEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step?: number;
  /** Marks the first event of a file. */
  readonly fileVersion?: string;
  /** Marks that the run begins (again) at `step`: TensorBoard then drops what it read of this and later steps. */
  readonly sessionStart?: boolean;
  /** Values by their tags. */
  readonly scalars?: Readonly<Record<string, number>>;
}

/** Encodes an event as a TFRecord: length, event as protocol buffer, and the checksums of both. */
export function eventRecord(event: TensorBoardEvent): Uint8Array {
  const data = message(event);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, uint32(masked(crc32c(length))), data, uint32(masked(crc32c(data)))]);
}

const START = 1;

function message({ wallTime, step, fileVersion, sessionStart, scalars }: TensorBoardEvent): Buffer {
  return Buffer.concat([
    key(1, FIXED64),
    double(wallTime),
    ...(step === undefined ? [] : [key(2, VARINT), varint(step)]),
    ...(fileVersion === undefined ? [] : bytes(3, Buffer.from(fileVersion))),
    ...(scalars ? bytes(5, Buffer.concat(Object.entries(scalars).flatMap(summaryValue))) : []),
    ...(sessionStart ? bytes(7, Buffer.concat([key(1, VARINT), varint(START)])) : []),
  ]);
}

/** `Summary.value` with `tag` and `simple_value`. */
const summaryValue = ([tag, value]: [string, number]): Buffer[] =>
  bytes(1, Buffer.concat([...bytes(1, Buffer.from(tag)), key(2, FIXED32), float(value)]));

const [VARINT, FIXED64, LENGTH, FIXED32] = [0, 1, 2, 5];

const key = (field: number, type: number): Buffer => varint((field << 3) | type);
const bytes = (field: number, value: Buffer): Buffer[] => [key(field, LENGTH), varint(value.length), value];

/** A whole number from 0, in groups of seven bits, lowest first. */
function varint(value: number): Buffer {
  const groups: number[] = [];
  let rest = value;
  do {
    const group = rest % 128;
    rest = Math.floor(rest / 128);
    groups.push(rest > 0 ? group | 128 : group);
  } while (rest > 0);
  return Buffer.from(groups);
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

function float(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeFloatLE(value);
  return buffer;
}

function double(value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeDoubleLE(value);
  return buffer;
}
