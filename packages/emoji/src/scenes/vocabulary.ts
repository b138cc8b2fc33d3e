import { captionProcessor } from '@blip2/data';
import { type Emoji, loadEmoji } from '../entries.js';

/** A kind of object in scenes: an emoji with its name. */
export interface Noun {
  readonly entry: Emoji;
  /** Singular, such as 'red apple'. */
  readonly one: string;
  /** Plural, such as 'red apples'. */
  readonly many: string;
  /** Indefinite article. */
  readonly article: 'a' | 'an';
}

/** Objects that are easily told apart in every vendor's drawings, as `label: name` or as `label` where that is the name. */
const things = `
dog face: dog | cat face: cat | lion | tiger face: tiger | fox | panda | pig face: pig | monkey face: monkey | frog
unicorn | elephant | giraffe | zebra | penguin | owl | duck | flamingo | turtle | snake | tropical fish: fish
spouting whale: whale | octopus | crab | snail | butterfly | honeybee: bee | lady beetle: ladybug
sunflower | rose | cactus | palm tree | deciduous tree: tree | mushroom | maple leaf | four leaf clover: clover
watermelon | lemon | banana | pineapple | red apple | green apple | strawberry | avocado | eggplant | carrot
pizza | hamburger | doughnut | cupcake | lollipop | automobile: car | bus | bicycle | airplane | rocket
sailboat | helicopter | locomotive: train | tractor | umbrella | balloon | soccer ball | basketball
guitar | trumpet | key | alarm clock: clock | light bulb | crown | bell | camera | teddy bear | wrapped gift: gift
trophy | star | red heart: heart | snowman | house | castle | top hat | robot | ghost | jack-o-lantern: pumpkin
anchor | magnet
`;

const plurals: Readonly<Record<string, string>> = {
  fish: 'fish',
  fox: 'foxes',
  snowman: 'snowmen',
  octopus: 'octopuses',
  bus: 'buses',
  butterfly: 'butterflies',
  cactus: 'cacti',
  'maple leaf': 'maple leaves',
  strawberry: 'strawberries',
  trophy: 'trophies',
};

let loaded: readonly Noun[] | undefined;

/** Longest name of {@link loadAllNouns} in words. */
const MOST_WORDS = 3;

let all: readonly Noun[] | undefined;

/**
 * Returns a noun for every emoji whose name has at most three words, those of {@link loadNouns} with their names there. From
 * scenes of all of them a model learns counts and positions apart from what is counted. Plurals end in 's' where none is known.
 */
export function loadAllNouns(): readonly Noun[] {
  if (all) return all;
  const known = new Map(loadNouns().map((noun) => [noun.entry.code, noun]));
  const names = new Set(loadNouns().map(({ one }) => one));
  all = loadEmoji().flatMap((entry) => {
    const noun = known.get(entry.code);
    if (noun) return [noun];
    const name = captionProcessor(entry.label);
    if (name.split(' ').length > MOST_WORDS || names.has(name) || !/^[a-z]/.test(name)) return [];
    names.add(name);
    return [nounOf(entry, name)];
  });
  return all;
}

function nounOf(entry: Emoji, name: string): Noun {
  const article = /^[aeio]|^u(?!nicorn)/.test(name) ? 'an' : 'a';
  return { entry, one: name, many: plurals[name] ?? `${name}s`, article };
}

/**
 * Returns the nouns of scenes in a fixed order.
 * @throws Error where the installed emoji lack one
 */
export function loadNouns(): readonly Noun[] {
  loaded ??= things
    .trim()
    .split(/[|\n]/)
    .map((word) => {
      const [label = '', name = label] = word.split(':').map((part) => part.trim());
      const entry = loadEmoji().find((emoji) => emoji.label === label);
      if (!entry)
        throw new Error(`The installed emoji lack '${label}', which scenes use: install the pinned versions.`);
      return nounOf(entry, name);
    });
  return loaded;
}
