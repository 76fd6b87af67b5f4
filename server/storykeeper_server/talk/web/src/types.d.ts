declare module "*?url" {
  const address: string;
  export default address;
}
declare module "words:built-in" {
  const words: Record<string, any>;
  export default words;
}
declare module "*.css";
